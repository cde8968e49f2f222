//! How many attempts succeeded and failed of late.

/// How many buckets there are.
const BUCKETS: u64 = 10;
/// How long each of them counts, in milliseconds. The window reaches back over the present
/// bucket and the nine before it: 27 to 30 s.
const BUCKET_MS: u64 = 3_000;

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    attempts: u32,
    failures: u32,
}

/// Counts in a ring of buckets, so that it takes 88 bytes for whatever number of attempts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Window {
    /// As many as [`BUCKETS`] says.
    ring: [Bucket; 10],
    /// The number of the latest bucket since the beginning of the clock.
    latest: u64,
}

impl Window {
    /// Counts an attempt. What a clock that is behind brings counts as of the latest bucket.
    pub(crate) fn count(&mut self, now_ms: u64, failed: bool) {
        self.add(now_ms, 1, u32::from(failed));
    }

    /// An attempt that was counted as a success has failed after all.
    pub(crate) fn fail_one(&mut self, now_ms: u64) {
        self.add(now_ms, 0, 1);
    }

    fn add(&mut self, now_ms: u64, attempts: u32, failures: u32) {
        let present = now_ms / BUCKET_MS;
        for number in (self.latest.saturating_add(1)..=present).take(self.ring.len()) {
            if let Some(bucket) = self.ring.get_mut(place(number)) {
                *bucket = Bucket::default();
            }
        }
        self.latest = self.latest.max(present);
        if let Some(bucket) = self.ring.get_mut(place(self.latest)) {
            bucket.attempts = bucket.attempts.saturating_add(attempts);
            bucket.failures = bucket.failures.saturating_add(failures);
        }
    }

    /// The attempts of the window and how many of them failed: at most all, as the beginning
    /// of one that failed after all may have left the window.
    pub(crate) fn totals(&self, now_ms: u64) -> (u32, u32) {
        let oldest = (now_ms / BUCKET_MS).max(self.latest).saturating_sub(BUCKETS - 1);
        let (attempts, failures) = (oldest..=self.latest)
            .filter_map(|number| self.ring.get(place(number)))
            .fold((0u32, 0u32), |(attempts, failures), bucket| {
                let attempts = attempts.saturating_add(bucket.attempts);
                (attempts, failures.saturating_add(bucket.failures))
            });
        (attempts.max(failures), failures)
    }

    /// The share of failures, in thousandths rounded down, and how many attempts there are.
    pub(crate) fn failure_share(&self, now_ms: u64) -> (u32, u32) {
        let (attempts, failures) = self.totals(now_ms);
        let share = u64::from(failures) * 1_000 / u64::from(attempts.max(1));
        (u32::try_from(share).unwrap_or(1_000), attempts)
    }
}

/// Where the bucket of this number lies in the ring.
fn place(number: u64) -> usize {
    usize::try_from(number % BUCKETS).unwrap_or_default()
}
