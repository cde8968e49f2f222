//! A client that leaves in the middle of a stream.

use std::sync::Arc;

use tb_config::OnDisconnect;
use tb_core::EndReason;
use tb_core::breaker::Verdict;

use super::Running;
use crate::settlement::AttemptEnd;

impl Running {
    /// The client left. The upstream is closed at once, or read on for a bounded while to
    /// learn what the provider charges.
    pub(crate) fn client_left(mut self: Box<Self>) {
        if self.progress.over {
            return;
        }
        self.count_restored();
        self.settlement.note_facts(self.decoder.facts());
        if std::thread::panicking() {
            // Dropping the settlement says so in the row; nothing here is worth reading on.
            return;
        }
        let end = AttemptEnd {
            reason: EndReason::ClientGone,
            status: self.status,
            outcome: "client_gone",
            verdict: Verdict::Neutral,
        };
        match self.on_disconnect {
            OnDisconnect::Drain { timeout, max_bytes }
                if tokio::runtime::Handle::try_current().is_ok() =>
            {
                let shared = Arc::clone(&self.shared);
                shared.tasks.clone().spawn(async move {
                    tokio::select! {
                        _ = tokio::time::timeout(timeout, self.drain(max_bytes)) => {}
                        () = shared.aborted().cancelled() => {}
                    }
                    self.settlement.note_facts(self.decoder.facts());
                    self.settlement.settle(end, Some("client_gone".to_owned()));
                });
            }
            _ => self.settlement.settle(end, Some("client_gone".to_owned())),
        }
    }

    async fn drain(&mut self, max_bytes: usize) {
        let mut read = 0usize;
        while let Some(Ok(bytes)) = self.upstream.data().await {
            read = read.saturating_add(bytes.len());
            self.settlement.note_answer(&bytes);
            let failed = self.decoder.push(&bytes, &mut self.progress.events).is_err();
            self.progress.events.clear();
            let facts = self.decoder.facts();
            let told_all = facts.finished && facts.tokens_final;
            if failed || told_all || read > max_bytes {
                return;
            }
        }
    }
}
