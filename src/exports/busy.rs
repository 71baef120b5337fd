//! What a resource of the contract holds, which one call uses at a time.

use std::cell::{Cell, RefCell};

use crate::dataverse::files::download::{Download, FileInfo};
use crate::dataverse::files::upload::Upload;
use crate::dataverse::pages::Pages;
use crate::error::Error;
use crate::faults::Faults;

/// Something that a call changes while it waits, and of which others may ask what it was before.
pub(super) struct Busy<T: Viewed> {
    name: &'static str,
    /// `None` while a call uses it.
    idle: Cell<Option<T>>,
    /// As it was when it was last idle.
    view: RefCell<T::View>,
}

/// What can be told without waiting.
pub(super) trait Viewed {
    type View: Clone;

    fn view(&self) -> Self::View;
}

impl<T: Viewed> Busy<T> {
    /// `name` is the resource's in the contract.
    pub(super) fn new(name: &'static str, value: T) -> Self {
        Self {
            name,
            view: RefCell::new(value.view()),
            idle: Cell::new(Some(value)),
        }
    }

    /// Lets a call use it.
    ///
    /// # Errors
    /// `invalid-request` while another call does.
    pub(super) fn with<R>(&self, call: impl FnOnce(&mut T) -> R) -> Result<R, Error> {
        let Some(mut value) = self.idle.take() else {
            let reason = "is busy with another call: wait until that has ended";
            return Err(Faults::one(self.name, reason).into_request_error());
        };
        let result = call(&mut value);
        self.view.replace(value.view());
        self.idle.set(Some(value));
        Ok(result)
    }

    /// What it was when it was last idle.
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

/// Of an upload.
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
