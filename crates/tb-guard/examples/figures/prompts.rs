//! Prompts of our own: prose, code, tables, and an identifier now and then. The same every time.

/// Numbers that look random (Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let sides = u64::try_from(sides.max(1)).unwrap_or(1);
        usize::try_from(self.0 % sides).unwrap_or_default()
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from.get(self.roll(from.len())).copied().unwrap_or_default()
    }
}

/// What prompts are made of; most of it is nobody's.
const PLAIN: &[&str] = &[
    "Summarise the following conversation in three sentences and keep the tone friendly. ",
    "The customer writes that the express parcel came late and asks what we owe. ",
    "You are a careful assistant; answer only with what the documents say.\n",
    "Please translate the text below into plain English, without adding anything. ",
    "The meeting moved from Tuesday to Thursday because the room was taken. ",
    "We measured 12.5 % more throughput after the change, at 3.2 GHz and 64 connections. ",
    "See section 4.2 of the manual, table 7, for the limits of the older model.\n",
    "fn total(items: &[Item]) -> u64 {\n    items.iter().map(|item| item.price * item.count).sum()\n}\n",
    "SELECT id, status, updated_at FROM orders WHERE status = 'open' AND total > 100 LIMIT 50;\n",
    "{\"id\": 48213, \"status\": \"shipped\", \"lines\": [{\"sku\": \"A-1002\", \"count\": 3}]}\n",
    "Error: connection reset by peer (os error 104) while reading the response header\n",
    "| region | orders | returns |\n|---|---|---|\n| north | 1204 | 17 |\n| south | 998 | 23 |\n",
    "The old process needed nine steps, the new one needs four, and nobody misses the rest. ",
    "If the result is empty, say so; if it is too long, give the first ten rows. ",
    "Version 2.14.0 of the library changed the default from 30 to 60 seconds. ",
    "Think about what could go wrong before you answer, then write the answer only.\n",
];

/// What is somebody's: made up, with valid checksums where there are any.
const PERSONAL: &[&str] = &[
    "My name is Marion Delacroix and I live in Rotterdam. ",
    "You can reach me at m.delacroix@example.org after six. ",
    "The card was 4539 1488 0343 6467, charged twice. ",
    "Please use IBAN DE89 3704 0044 0532 0130 00 for the refund. ",
    "Call +44 20 7946 0958 if the door is closed. ",
    "Ship it to 48 Harrow Lane, Bristol, and mark it for Mr. Okafor. ",
    "The server at 203.0.113.77 refused the login of j.tanaka@example.com. ",
];

/// Of so many pieces one is somebody's.
const RARITY: usize = 12;

/// `count` prompts of at least `bytes` bytes each.
pub(crate) fn prompts(count: usize, bytes: usize) -> Vec<String> {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let prompt = |_| {
        let mut text = String::with_capacity(bytes + 200);
        while text.len() < bytes {
            let personal = dice.roll(RARITY) == 0;
            text.push_str(dice.pick(if personal { PERSONAL } else { PLAIN }));
        }
        text
    };
    (0..count).map(prompt).collect()
}
