//! The state of a contract resource, which one call at a time can use.

use std::cell::{Cell, RefCell};

use crate::dataverse::files::download::{Download, FileInfo};
use crate::dataverse::files::upload::Upload;
use crate::dataverse::pages::Pages;
use crate::error::Error;
use crate::faults::Faults;

/// A value that a call may change while it waits. Other calls can read a view of its previous state
/// meanwhile.
pub(super) struct Busy<T: Viewed> {
    name: &'static str,
    /// `None` while a call uses it.
    idle: Cell<Option<T>>,
    /// The view of the last idle state.
    view: RefCell<T::View>,
}

/// A value with a view that can be read without waiting.
pub(super) trait Viewed {
    type View: Clone;

    fn view(&self) -> Self::View;
}

impl<T: Viewed> Busy<T> {
    /// `name` is the name of the resource in the contract.
    pub(super) fn new(name: &'static str, value: T) -> Self {
        Self {
            name,
            view: RefCell::new(value.view()),
            idle: Cell::new(Some(value)),
        }
    }

    /// Runs a call with exclusive access.
    ///
    /// # Errors
    /// `invalid-request` while another call uses the value.
    pub(super) fn with<R>(&self, call: impl FnOnce(&mut T) -> R) -> Result<R, Error> {
        let Some(mut value) = self.idle.take() else {
            let reason = "is in use by another call: wait until that call has returned";
            return Err(Faults::one(self.name, reason).into_request_error());
        };
        let result = call(&mut value);
        self.view.replace(value.view());
        self.idle.set(Some(value));
        Ok(result)
    }

    /// The view of the last idle state.
    pub(super) fn view(&self) -> T::View {
        self.view.borrow().clone()
    }
}

impl Viewed for Pages {
    type View = Option<String>;

    fn view(&self) -> Option<String> {
        self.delta_link()
    }
}

impl Viewed for Download {
    type View = (FileInfo, u64);

    fn view(&self) -> (FileInfo, u64) {
        (self.info(), self.position())
    }
}

/// The view of an upload.
#[derive(Clone)]
pub(super) struct UploadView {
    pub chunk_size: u32,
    pub position: u64,
    pub state: String,
}

impl Viewed for Upload {
    type View = UploadView;

    fn view(&self) -> UploadView {
        UploadView {
            chunk_size: self.chunk_size(),
            position: self.position(),
            state: self.state(),
        }
    }
}
