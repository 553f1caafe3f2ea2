//! The parameters of a list, every fault of them named at once.

use std::collections::BTreeSet;

use carlo_rest::job::JobStatus;
use carlo_rest::problem::FieldError;
use carlo_types::limits::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};

use crate::problem::Failure;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Selection {
    /// From 1.
    pub(crate) page: u32,
    /// Entries on a page, 1 to 100.
    pub(crate) page_size: u32,
    /// Only jobs in this state.
    pub(crate) status: Option<JobStatus>,
}

impl Selection {
    /// Reads the parameters, decoded, in the order in which they were given.
    pub(crate) fn read(parameters: &[(String, String)]) -> Result<Self, Failure> {
        let mut selection = Self { page: 1, page_size: PAGE_SIZE_DEFAULT, status: None };
        let (mut seen, mut faults) = (BTreeSet::new(), Vec::new());
        for (name, value) in parameters {
            let fault = if seen.insert(name) {
                selection.set(name, value).err()
            } else {
                Some("is given twice".to_owned())
            };
            faults.extend(fault.map(|message| FieldError::new(format!("/{name}"), message)));
        }
        if faults.is_empty() { Ok(selection) } else { Err(Failure::invalid(faults)) }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "page" => self.page = whole(value, u32::MAX).ok_or("must be a whole number from 1 on")?,
            "page_size" => {
                self.page_size = whole(value, PAGE_SIZE_MAX)
                    .ok_or_else(|| format!("must be a whole number from 1 to {PAGE_SIZE_MAX}"))?;
            }
            "status" => {
                let named = JobStatus::ALL.into_iter().find(|status| status.as_str() == value);
                let all = JobStatus::ALL.map(JobStatus::as_str).join(", ");
                self.status = Some(named.ok_or_else(|| format!("must be one of {all}"))?);
            }
            _ => return Err("is not a parameter of this list: expected page, page_size or status".to_owned()),
        }
        Ok(())
    }
}

fn whole(text: &str, max: u32) -> Option<u32> {
    // `parse` alone would take a plus sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text)?;
    digits.parse().ok().filter(|number| (1..=max).contains(number))
}
