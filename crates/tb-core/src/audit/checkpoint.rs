//! Checkpoints (C2SP `tlog-checkpoint`): the log's origin, its size, its root in base64, signed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::note::{NoteFault, NoteSigner, NoteVerifier};
use super::tree::Hash;

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The number of records.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

/// The signed note of a tree.
#[must_use]
pub fn signed_checkpoint(signer: &NoteSigner, tree: &Checkpoint) -> String {
    let root = STANDARD.encode(tree.root);
    signer.sign(&format!("{}\n{}\n{root}\n", signer.verifier().name(), tree.size))
}

/// What stands behind the origin of the note of a log's end.
const END: &str = "/end";

/// The signed note of a log's end: a checkpoint for the log itself and not for second places. It
/// has an origin of its own, so that no checkpoint can be put in its place.
#[must_use]
pub fn signed_end(signer: &NoteSigner, tree: &Checkpoint) -> String {
    let root = STANDARD.encode(tree.root);
    signer.sign(&format!("{}{END}\n{}\n{root}\n", signer.verifier().name(), tree.size))
}

impl Checkpoint {
    /// The root as checkpoints write it.
    #[must_use]
    pub fn root_base64(&self) -> String {
        STANDARD.encode(self.root)
    }

    /// Reads a note that `key` signed. Lines after the root are extensions, and are ignored.
    ///
    /// # Errors
    /// When it is not signed by this key, or not a checkpoint of its log.
    pub fn open(note: &str, key: &NoteVerifier) -> Result<Self, NoteFault> {
        let (origin, checkpoint) = Self::unverified(key.open(note)?)?;
        if origin != key.name() {
            return Err(NoteFault::OtherKey(key.name().to_owned()));
        }
        Ok(checkpoint)
    }

    /// Reads a note that [`signed_end`] made with `key`.
    ///
    /// # Errors
    /// When it is not signed by this key, or not about the end of its log.
    pub fn open_end(note: &str, key: &NoteVerifier) -> Result<Self, NoteFault> {
        let (origin, checkpoint) = Self::unverified(key.open(note)?)?;
        if origin.strip_suffix(END) != Some(key.name()) {
            return Err(NoteFault::OtherKey(key.name().to_owned()));
        }
        Ok(checkpoint)
    }

    /// Reads the origin and what a note claims, whoever signed it.
    ///
    /// # Errors
    /// When it does not have the form of a checkpoint.
    pub fn unverified(note: &str) -> Result<(&str, Self), NoteFault> {
        let mut lines = note.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(NoteFault::Form);
        };
        let read: u64 = size.parse().map_err(|_| NoteFault::Form)?;
        let bytes = STANDARD.decode(root).map_err(|_| NoteFault::Form)?;
        let root = bytes.try_into().map_err(|_| NoteFault::Form)?;
        // One form for one number: `+1` and `01` also parse.
        let checkpoint = Self { size: read, root };
        if read.to_string() == size { Ok((origin, checkpoint)) } else { Err(NoteFault::Form) }
    }

    /// The checkpoints in a text that has other lines as well, as the standard output of a server
    /// has: each is the four lines before a line that looks like a signature, with that line.
    pub fn notes_among(text: &str) -> impl Iterator<Item = String> {
        let lines: Vec<&str> = text.lines().collect();
        let mut notes = Vec::new();
        for five in lines.windows(5) {
            if let [origin, _, _, "", signature] = five
                && signature.starts_with('\u{2014}')
                && !origin.is_empty()
            {
                notes.push(five.join("\n") + "\n");
            }
        }
        notes.into_iter()
    }

    /// The notes of a file to which they were appended one after the other. What a process that
    /// died left half written at the end is left out.
    pub fn notes(text: &str) -> impl Iterator<Item = &str> {
        // A note ends with its lines of signatures, and the next begins with another line.
        let mut rest = text;
        std::iter::from_fn(move || {
            let mut end = 0;
            let mut signed = false;
            for line in rest.split_inclusive('\n') {
                let is_signature = line.starts_with('\u{2014}');
                if signed && !is_signature {
                    break;
                }
                signed |= is_signature && line.ends_with('\n');
                end += line.len();
            }
            let (note, after) = rest.split_at_checked(end)?;
            rest = after;
            signed.then_some(note)
        })
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::Ed25519KeyPair;

    use super::*;

    fn signer() -> NoteSigner {
        let random = ring::rand::SystemRandom::new();
        NoteSigner::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&random).unwrap().as_ref()).unwrap()
    }

    #[test]
    fn has_the_form_of_a_tlog_checkpoint() {
        let signer = signer();
        let note = signed_checkpoint(&signer, &Checkpoint { size: 7, root: [0; 32] });
        let origin = signer.verifier().name();
        let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        assert!(note.starts_with(&format!("{origin}\n7\n{zeros}\n\n\u{2014} {origin} ")), "{note}");
    }

    #[test]
    fn comes_back_out_of_a_file_of_many() {
        let signer = signer();
        let made: Vec<Checkpoint> =
            (0..4_u8).map(|size| Checkpoint { size: size.into(), root: [size; 32] }).collect();
        let notes: Vec<String> = made.iter().map(|one| signed_checkpoint(&signer, one)).collect();
        let mut text = notes.concat();
        let read = |text: &str| -> Vec<Checkpoint> {
            let open = |note| Checkpoint::open(note, signer.verifier()).unwrap();
            Checkpoint::notes(text).map(open).collect()
        };
        assert_eq!(read(&text), made);
        // Cut anywhere in the last one.
        text.pop();
        while text.len() > notes[..3].concat().len() {
            assert_eq!(read(&text), made[..3], "{text}");
            text.pop();
        }
        assert_eq!(Checkpoint::notes("").count(), 0);
    }

    #[test]
    fn a_note_of_the_end_is_no_checkpoint_and_no_checkpoint_one() {
        let signer = signer();
        let tree = Checkpoint { size: 7, root: [7; 32] };
        let (end, checkpoint) = (signed_end(&signer, &tree), signed_checkpoint(&signer, &tree));
        assert_eq!(Checkpoint::open_end(&end, signer.verifier()).unwrap(), tree);
        assert!(Checkpoint::open(&end, signer.verifier()).is_err());
        assert!(Checkpoint::open_end(&checkpoint, signer.verifier()).is_err());
        assert!(Checkpoint::open_end(&end.replace('7', "8"), signer.verifier()).is_err());
    }

    #[test]
    fn refuses_other_texts_that_the_key_signed() {
        let signer = signer();
        let origin = signer.verifier().name();
        let root = STANDARD.encode([0; 32]);
        for text in [
            format!("{origin}\n07\n{root}\n"),
            format!("{origin}\n-1\n{root}\n"),
            format!("{origin}\n7\nAAAA\n"),
            format!("{origin}\n7\n"),
            format!("{origin}/retired\n7\n{root}\n"),
        ] {
            assert!(Checkpoint::open(&signer.sign(&text), signer.verifier()).is_err(), "{text}");
        }
    }
}
