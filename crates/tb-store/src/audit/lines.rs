//! The lines of a segment: forward, backward, and the place of one by its number.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use tb_core::audit::RecordPlace;

/// The longest line that is read; longer ones are none of ours.
pub(super) const MAX_LINE: usize = 1024 * 1024;

/// Bytes read at a time.
const CHUNK: usize = 256 * 1024;

/// Below this distance a search reads line by line.
const NEAR: u64 = 256 * 1024;

/// The lines of a file from an offset on, each without its line end; a last one without line end
/// is said to be torn.
pub(super) struct Forward {
    reader: BufReader<File>,
    /// Where the next line begins.
    pub(super) offset: u64,
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It ended with a line end.
    Whole,
    /// It did not, or is too long.
    Torn,
}

impl Forward {
    pub(super) fn new(mut file: File, offset: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { reader: BufReader::with_capacity(CHUNK, file), offset })
    }

    /// Reads the next line into `line`; `None` at the end.
    pub(super) fn next(&mut self, line: &mut Vec<u8>) -> io::Result<Option<Ending>> {
        line.clear();
        let most = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
        let read = self.reader.by_ref().take(most).read_until(b'\n', line)?;
        if read == 0 {
            return Ok(None);
        }
        self.offset += u64::try_from(read).unwrap_or(u64::MAX);
        Ok(Some(match line.pop_if(|last| *last == b'\n') {
            Some(_) => Ending::Whole,
            None => Ending::Torn,
        }))
    }
}

/// The whole lines of a file from its end to its beginning.
pub(super) struct Backward {
    file: File,
    /// Where `held` begins in the file.
    start: u64,
    /// What was read and not given yet; ends before a line end.
    held: Vec<u8>,
    is_done: bool,
}

impl Backward {
    /// From `end` on, which is behind a line end, or the end of the file.
    pub(super) fn new(file: File, end: u64) -> io::Result<Self> {
        let mut lines = Self { file, start: end, held: Vec::new(), is_done: false };
        // What stands behind the last line end is torn.
        loop {
            if let Some(last) = lines.held.iter().rposition(|byte| *byte == b'\n') {
                lines.held.truncate(last);
                return Ok(lines);
            }
            lines.held.clear();
            if !lines.read_more()? {
                lines.is_done = true;
                return Ok(lines);
            }
        }
    }

    /// Reads what stands before `held`.
    fn read_more(&mut self) -> io::Result<bool> {
        let from = self.start.saturating_sub(u64::try_from(CHUNK).unwrap_or(u64::MAX));
        let count = usize::try_from(self.start - from).map_err(io::Error::other)?;
        if count == 0 {
            return Ok(false);
        }
        let mut more = vec![0; count];
        self.file.read_exact_at(&mut more, from)?;
        more.append(&mut self.held);
        self.held = more;
        self.start = from;
        Ok(true)
    }

    /// The line before, with its offset.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        if self.is_done {
            return Ok(None);
        }
        loop {
            if let Some(end) = self.held.iter().rposition(|byte| *byte == b'\n') {
                let line = self.held.split_off(end + 1);
                self.held.truncate(end);
                let at = self.start + u64::try_from(end).unwrap_or(u64::MAX) + 1;
                return Ok(Some((at, line)));
            }
            if self.held.len() > MAX_LINE || !self.read_more()? {
                self.is_done = true;
                return Ok(Some((self.start, std::mem::take(&mut self.held))));
            }
        }
    }
}

/// The place in a line, if it is a record.
pub(super) fn place(line: &[u8]) -> Option<RecordPlace> {
    RecordPlace::of(std::str::from_utf8(line).ok()?)
}

/// The number of the first record of a segment; `None` when it has none.
pub(super) fn first_seq(file: &File) -> io::Result<Option<u64>> {
    let mut line = Vec::new();
    let ending = Forward::new(file.try_clone()?, 0)?.next(&mut line)?;
    let is_whole = ending == Some(Ending::Whole);
    Ok(place(&line).filter(|_| is_whole).map(|place| place.seq))
}

/// The number of the last whole record of a segment; `None` when it has none.
pub(super) fn last_seq(file: &File) -> io::Result<Option<u64>> {
    let last = Backward::new(file.try_clone()?, file.metadata()?.len())?.next()?;
    Ok(last.and_then(|(_, line)| place(&line)).map(|place| place.seq))
}

/// Where the first record with this number or a larger one begins. Records stand by rising
/// numbers, so half of what is left is ruled out by each look.
pub(super) fn offset_of(file: &File, seq: u64) -> io::Result<u64> {
    let (mut low, mut high) = (0, file.metadata()?.len());
    let mut line = Vec::new();
    while high.saturating_sub(low) > NEAR {
        let middle = low + (high - low) / 2;
        let mut lines = Forward::new(file.try_clone()?, middle)?;
        // The middle lies inside a line.
        lines.next(&mut line)?;
        let begins = lines.offset;
        let whole = lines.next(&mut line)?;
        match place(&line).filter(|_| whole == Some(Ending::Whole)) {
            Some(place) if place.seq < seq => low = begins,
            _ => high = middle,
        }
    }
    let mut lines = Forward::new(file.try_clone()?, low)?;
    loop {
        let begins = lines.offset;
        match lines.next(&mut line)? {
            Some(Ending::Whole) if place(&line).is_some_and(|place| place.seq < seq) => {}
            _ => return Ok(begins),
        }
    }
}
