//! Whether a place in a JSON text lies inside of a string.

/// What lies at a place of a JSON text, told by what came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct JsonPlace {
    in_string: bool,
    /// The character before was a backslash that stands for itself and the next one.
    after_escape: bool,
}

impl JsonPlace {
    pub(super) fn is_in_string(self) -> bool {
        self.in_string
    }

    /// Steps over a text.
    pub(super) fn pass(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                _ if self.after_escape => self.after_escape = false,
                b'\\' => self.after_escape = self.in_string,
                b'"' => self.in_string = !self.in_string,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_open_and_close_unless_they_are_escaped() {
        let mut place = JsonPlace::default();
        for (text, in_string) in
            [(r#"{"a"#, true), (r#"":"#, false), (r#""x\""#, true), (r"\\", true), ("\"", false)]
        {
            place.pass(text);
            assert_eq!(place.is_in_string(), in_string, "{text}");
        }
    }
}
