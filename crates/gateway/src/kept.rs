//! Answers about jobs that have ended, kept as they were sent: such a job never changes again, so it is written once and not for every
//! call.
//!
//! They are no state of the gateway's own. Of every call a coordinator is asked ([`confirm`](crate::confirm)), which finds out whether the
//! caller may see the job, counts the call, and says whether the job is the one that is kept here; only then is the kept answer sent.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use carlo_types::JobId;

use crate::reply::Entity;

/// Bytes of all answers that are kept; the oldest go first.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The calls that show a job, each in a form of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// `/api/jobs/{id}`
    Job,
    /// `/simulations/{job_id}`
    Simulation,
    /// `/simulations/{job_id}/result`
    Result,
}

/// What a call was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// When the job ended, by which a coordinator knows it again.
    pub(crate) completed_at_ms: u64,
    pub(crate) entity: Entity,
}

/// The answers.
#[derive(Debug)]
pub(crate) struct Kept {
    answers: Mutex<Answers>,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Answers {
    by_name: HashMap<Name, Answer>,
    /// The oldest first.
    names: VecDeque<Name>,
    bytes: usize,
}

type Name = (JobId, Form);

impl Default for Kept {
    fn default() -> Self {
        Self { answers: Mutex::default(), bytes_max: BYTES_MAX }
    }
}

impl Kept {
    /// The answer of a call for a job, if it is kept.
    pub(crate) fn get(&self, job: JobId, form: Form) -> Option<Answer> {
        self.lock().by_name.get(&(job, form)).cloned()
    }

    /// Keeps the answer of a call, unless it is so long that few others would have room beside it.
    pub(crate) fn keep(&self, job: JobId, form: Form, answer: Answer) {
        let (name, bytes) = ((job, form), answer.entity.bytes());
        if bytes > self.bytes_max / 16 {
            return;
        }
        let mut answers = self.lock();
        match answers.by_name.insert(name, answer) {
            Some(replaced) => answers.bytes -= replaced.entity.bytes(),
            None => answers.names.push_back(name),
        }
        answers.bytes += bytes;
        while answers.bytes > self.bytes_max {
            let oldest = answers.names.pop_front().expect("what has bytes has a name");
            let forgotten = answers.by_name.remove(&oldest).expect("every name leads to an answer");
            answers.bytes -= forgotten.entity.bytes();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Answers> {
        // Nothing in here panics halfway.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer with two bytes beside its digits.
    fn answer(digits: usize) -> Answer {
        Answer { completed_at_ms: 1, entity: Entity::of(&"9".repeat(digits)).unwrap() }
    }

    #[test]
    fn the_oldest_answers_make_room() {
        let kept = Kept { answers: Mutex::default(), bytes_max: 160 };
        let ids: Vec<_> = (0..20).map(JobId::from_random).collect();
        for id in &ids {
            kept.keep(*id, Form::Job, answer(8));
        }
        let held: Vec<_> = ids.iter().map(|id| kept.get(*id, Form::Job).is_some()).collect();
        assert_eq!(held, [vec![false; 4], vec![true; 16]].concat());
        // The same again takes no further room.
        kept.keep(ids[19], Form::Job, answer(8));
        assert!(kept.get(ids[4], Form::Job).is_some());
        assert!(kept.get(ids[4], Form::Simulation).is_none(), "each call has its own form");
    }

    #[test]
    fn a_very_long_answer_is_not_kept() {
        let kept = Kept { answers: Mutex::default(), bytes_max: 160 };
        kept.keep(JobId::from_random(1), Form::Job, answer(9));
        assert!(kept.get(JobId::from_random(1), Form::Job).is_none());
    }
}
