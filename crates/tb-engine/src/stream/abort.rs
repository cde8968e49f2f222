//! Lets a waiting stream hear that it must end now.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::engine::Shared;

/// Wakes a stream when [`crate::Engine::abort_streams`] is called. Made when a stream first
/// waits; asked again it costs one atomic read, because a stream stays with its task.
#[derive(Debug, Default)]
pub(super) struct AbortWatch {
    cancelled: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// The task that is woken.
    waker: Option<Waker>,
}

impl AbortWatch {
    /// Ready once streams must end.
    pub(super) fn poll(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Poll<()> {
        if shared.is_aborting() {
            return Poll::Ready(());
        }
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        let cancelled = self
            .cancelled
            .get_or_insert_with(|| Box::pin(shared.aborted().clone().cancelled_owned()));
        std::task::ready!(cancelled.as_mut().poll(cx));
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
