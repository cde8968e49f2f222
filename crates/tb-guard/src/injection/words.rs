//! The words and what they may mean. Matching folds the case of ASCII letters only.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};

use super::{Signal, phrases};

/// What a word may be in an attack. Weights are percents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A signal by itself, anywhere.
    Mark(Signal, u8),
    /// A signal by itself, as whole words.
    Phrase(Signal, u8),
    /// A signal at the beginning of a line.
    Head(Signal, u8),
    /// An image of Markdown begins.
    Image,
    /// A verb: to do away with.
    Override,
    /// What came before.
    Earlier,
    /// What the model was given before.
    Given,
    /// All, any.
    All,
    /// Of the model.
    Yours,
    /// Of the writer or of somebody else.
    Mine,
    /// What binds the model.
    Rules,
    /// What may bind the model, but is asked after in shops too.
    Policy,
    /// A verb: to tell.
    Ask,
    /// The system prompt by its names.
    Prompt,
    /// The text before.
    Above,
    /// Word for word.
    Exact,
    /// A verb: to send.
    Send,
    /// What nobody else may have, and how much that weighs.
    Private(u8),
    /// Where it goes.
    Target,
    /// A verb: to decode.
    Decode,
    /// A code.
    Encoded,
    /// A verb: to obey.
    Obey,
}

impl Role {
    /// Whether it opens a clause.
    pub(super) const fn is_verb(self) -> bool {
        matches!(self, Self::Override | Self::Ask | Self::Send | Self::Decode | Self::Obey)
    }
}

/// The automaton and the role of each of its patterns.
pub(super) struct Words {
    /// `None` cannot be: the lists are far from its limits.
    pub(super) automaton: Option<AhoCorasick>,
    pub(super) roles: Vec<Role>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| Words::of(|_| true, None));

/// Those of ASCII alone, which are all that a text of ASCII can have. They are few enough for a
/// table that costs one step a byte; with all scripts it would take megabytes.
static ASCII_WORDS: LazyLock<Words> =
    LazyLock::new(|| Words::of(str::is_ascii, Some(AhoCorasickKind::DFA)));

impl Words {
    /// Those that a text can have.
    pub(super) fn of_text(text: &str) -> &'static Self {
        if text.is_ascii() { &ASCII_WORDS } else { &WORDS }
    }

    fn of(takes: impl Fn(&str) -> bool, kind: Option<AhoCorasickKind>) -> Self {
        let (mut words, mut roles): (Vec<&str>, Vec<Role>) = (Vec::new(), Vec::new());
        for (role, list) in LISTS.iter().chain(phrases::LISTS) {
            words.extend(list.split(';').filter(|word| takes(word)));
            roles.resize(words.len(), *role);
        }
        let mut builder = AhoCorasickBuilder::new();
        builder.ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest).kind(kind);
        Self { automaton: builder.build(&words).ok(), roles }
    }
}

/// Words that are signals together only, in English, German, French, Spanish, Portuguese, Chinese
/// and Russian.
const LISTS: &[(Role, &str)] = &[
    (
        Role::Override,
        "ignore;disregard;forget;override;overwrite;bypass;discard;neglect;erase;\
         abandon;cancel;suspend;disable;circumvent;set aside;pay no attention to;\
         do not follow;don't follow;stop following;no longer follow;do not obey;\
         don't obey;stop obeying;no longer obey;do not listen to;don't listen to;\
         no longer bound by;not bound by;unlearn;throw away;throw out;get rid of;\
         put aside;leave behind;ignoriere;ignorier;ignorieren sie;vergiss;\
         vergessen sie;missachte;missachten sie;verwirf;überschreibe;umgehe;\
         halte dich nicht mehr an;beachte nicht;setze dich hinweg über;ignorez;oublie;\
         oubliez;ne tiens pas compte;ne tenez pas compte;ne tiens plus compte;\
         fais abstraction;faites abstraction;contourne;ignora;ignoren;olvida;olvide;\
         olvídate de;descarta;descarte;desobedece;haz caso omiso;hagan caso omiso;\
         no sigas;pasa por alto;esqueça;esqueca;esquece;desconsidere;desconsidera;\
         não siga;descarte as;忽略;无视;忽视;忘记;忘掉;不要理会;不用理会;不要遵守;不再遵守;抛弃;绕过;忘記;無視;忘了;\
         игнорируй;Игнорируй;игнорируйте;Игнорируйте;проигнорируй;Проигнорируй;\
         проигнорируйте;Проигнорируйте;забудь;Забудь;забудьте;Забудьте;\
         не обращай внимания на;Не обращай внимания на;отбрось;Отбрось;обойди;\
         не следуй;Не следуй",
    ),
    (
        Role::Earlier,
        "previous;previously;prior;earlier;preceding;foregoing;above;initial;original;\
         existing;former;before;so far;the above;up to now;until now;\
         other instructions;old;vorherigen;vorherige;bisherigen;bisherige;bisher;\
         vorigen;früheren;obigen;obige;ursprünglichen;vorangegangenen;zuvor;\
         précédentes;précédente;précédents;antérieures;ci-dessus;initiales;avant;\
         anteriores;anterior;previas;previos;iniciales;de arriba;acima;prévias;\
         iniciais;之前;以前;以上;上面;上述;先前;前面;此前;上文;предыдущие;предыдущих;предыдущее;прежние;\
         прежних;прошлые;выше;ранее;изначальные",
    ),
    (
        Role::Given,
        "you were given;you have been given;you've been given;you received;\
         you have received;given to you;you were told;you have been told;told you;\
         gave you;give you;you were trained;you were programmed;\
         at the start of this conversation;at the beginning of this conversation;\
         dir gegeben;dir gesagt;你收到的;你被告知",
    ),
    (
        Role::All,
        "all;any;every;everything;alle;alles;sämtliche;toutes;tout;tous;todas;todo;\
         todos;tudo;所有;全部;一切;все;всё",
    ),
    (
        Role::Yours,
        "your;deine;deinen;ihre;ihren;ton;tes;vos;votre;tu;tus;sus;suas;seu;seus;你的;您的;\
         твои;ваши;свои;свой;твой",
    ),
    (
        Role::Mine,
        "my;our;his;her;their;its;doctor's;teacher's;manufacturer's;meine;meinen;\
         unsere;mes;nos;mis;minhas;мои;наши",
    ),
    (
        Role::Rules,
        "instructions;instruction;directions;directives;directive;guidelines;guideline;\
         rules;prompts;prompt;programming;safeguards;guardrails;safety rules;\
         safety guidelines;content policy;scoring criteria;safety measures;anweisungen;\
         anweisung;regeln;instruktionen;vorgaben;richtlinien;consignes;règles;\
         instrucciones;reglas;directrices;indicaciones;instruções;instrucoes;regras;\
         diretrizes;指令;指示;规则;規則;提示;инструкции;инструкций;указания;указаний;правила;\
         правил",
    ),
    (
        Role::Policy,
        "training;policies;policy;filters;limitations;context;commands;orders;\
         restrictions;restriction;constraints;ordens;órdenes;限制;命令;要求;说明;\
         beschränkungen;einschränkungen;restricciones;restrições;ограничения;befehle;\
         приказы;команды",
    ),
    (
        Role::Ask,
        "reveal;show;print;repeat;output;display;tell me;give me;leak;dump;share;\
         expose;recite;quote;copy;list;disclose;echo;what is;what's;what are;what were;\
         what was;write out;write down;translate your;summarize your;summarise your;\
         spell out;type out;begin your answer with;return;provide;describe your;paste;\
         zeige;zeig;zeigen sie;nenne;nennen sie;gib;geben sie;wiederhole;verrate;\
         drucke;montre;montrez;affiche;affichez;révèle;révélez;répète;donne;muestra;\
         muéstrame;muestrame;revela;revele;repite;dime;imprime;mostre;repita;diga;\
         imprima;exiba;显示;输出;告诉我;重复;打印;泄露;透露;展示;给我看;покажи;покажите;выведи;раскрой;\
         раскройте;повтори;напечатай;сообщи",
    ),
    (
        Role::Prompt,
        "system prompt;system prompts;systemprompt;system-prompt;system message;\
         system instructions;system instruction;initial prompt;initial instructions;\
         original instructions;original prompt;hidden prompt;hidden instructions;\
         secret prompt;secret instructions;secret rules;developer message;\
         developer prompt;developer instructions;internal instructions;\
         internal guidelines;internal rules;hidden rules;confidential instructions;\
         pre-prompt;preprompt;prompt above;instructions above;base prompt;\
         systemanweisungen;systemanweisung;systemnachricht;prompt système;\
         invite système;message système;prompt del sistema;prompt de sistema;\
         mensaje del sistema;prompt do sistema;mensagem do sistema;系统提示词;系统提示;系统指令;\
         系统消息;初始提示;初始指令;隐藏指令;системный промпт;системное сообщение;системные инструкции;\
         скрытые правила",
    ),
    (
        Role::Above,
        "words above;text above;everything above;message above;all of the above;\
         lines above;everything before;all the above;all text above",
    ),
    (
        Role::Exact,
        "verbatim;word for word;code block;txt;exact;exactly;literally;\
         character by character;starting with \"you are;starting with 'you are;\
         beginning with \"you are;wörtlich;mot pour mot;palabra por palabra;逐字;дословно",
    ),
    (
        Role::Send,
        "send;forward;post;upload;email;mail;transmit;exfiltrate;append;include;\
         including;encode;put;make a request;submit;leak;deliver;fetch;visit;embed;\
         sende;envoie;envía;envie;发送;отправь",
    ),
    (
        Role::Private(65),
        "this conversation;the conversation;conversation history;chat history;chat log;\
         user's emails;user's messages;user's data;user's access token;user's password;\
         everything the user;previous messages;contents of the inbox;private data;对话;\
         переписку;gesprächsverlauf",
    ),
    (
        Role::Private(40),
        "api keys;api key;credentials;access token;access tokens;passwords;password;\
         secrets;environment variables;session token;cookies;contents of;密码;пароль",
    ),
    (
        Role::Target,
        "http://;https://;attacker;query string;in the url of;url parameter;my server;\
         webhook",
    ),
    (
        Role::Decode,
        "decode;decrypt;decipher;unscramble;convert it;deobfuscate;read this;\
         take the first letter;dekodiere;décode;decodifica;解码;декодируй",
    ),
    (
        Role::Encoded,
        "base64;base 64;base32;rot13;rot-13;hex;hexadecimal;morse;caesar;ciphertext;\
         cipher;encoded;binary;each line;leetspeak",
    ),
    (
        Role::Obey,
        "follow;execute;obey;carry out;comply with;do what it;do whatever;\
         whatever it says;perform the;act on it;run it;befolge;exécute;ejecuta;执行;\
         выполни",
    ),
];
