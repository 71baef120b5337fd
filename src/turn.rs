//! Something that one call does while others wait for it.

use std::cell::{Cell, RefCell};

use async_lock::{Mutex, MutexGuard};

use crate::error::Error;

/// The right to do something, which one call has at a time.
#[derive(Default)]
pub(crate) struct Turn {
    lock: Mutex<()>,
    /// How often it has been done.
    outcomes: Cell<u64>,
    /// Why it failed the last time, if it did.
    failure: RefCell<Option<Error>>,
}

impl Turn {
    /// Waits for the turn.
    ///
    /// # Errors
    /// Of the call that had the turn while this one waited: what it learned need not be learned again.
    pub(crate) async fn wait(&self) -> Result<MutexGuard<'_, ()>, Error> {
        let before = self.outcomes.get();
        let turn = self.lock.lock().await;
        let failure = self.failure.borrow();
        match failure.as_ref().filter(|_| self.outcomes.get() > before) {
            Some(error) => Err(error.clone()),
            None => Ok(turn),
        }
    }

    /// The turn, if nobody has it.
    pub(crate) fn take(&self) -> Option<MutexGuard<'_, ()>> {
        self.lock.try_lock()
    }

    /// Notes what it came to.
    pub(crate) fn end(&self, failure: Option<&Error>) {
        *self.failure.borrow_mut() = failure.cloned();
        self.outcomes.set(self.outcomes.get().saturating_add(1));
    }
}
