//! Work that one call does while other calls wait for its outcome.

use std::cell::{Cell, RefCell};

use async_lock::{Mutex, MutexGuard};

use crate::error::Error;

/// A lock whose waiters share the failure of the call that held it.
#[derive(Default)]
pub(crate) struct Turn {
    lock: Mutex<()>,
    /// The number of finished turns.
    outcomes: Cell<u64>,
    /// The error of the last turn, if it failed.
    failure: RefCell<Option<Error>>,
}

impl Turn {
    /// Waits for the lock.
    ///
    /// # Errors
    /// The error of a turn that ended while this call waited, so that waiters do not repeat the failed
    /// work.
    pub(crate) async fn wait(&self) -> Result<MutexGuard<'_, ()>, Error> {
        let before = self.outcomes.get();
        let turn = self.lock.lock().await;
        let failure = self.failure.borrow();
        match failure.as_ref().filter(|_| self.outcomes.get() > before) {
            Some(error) => Err(error.clone()),
            None => Ok(turn),
        }
    }

    /// Takes the lock if it is free.
    pub(crate) fn take(&self) -> Option<MutexGuard<'_, ()>> {
        self.lock.try_lock()
    }

    /// Records the outcome of the turn.
    pub(crate) fn end(&self, failure: Option<&Error>) {
        *self.failure.borrow_mut() = failure.cloned();
        self.outcomes.set(self.outcomes.get().saturating_add(1));
    }
}
