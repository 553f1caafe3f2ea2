//! Dispatch levels: which instructions the kernel uses, chosen at run time. All give the same bits.

use std::fmt;
use std::str::FromStr;

use crate::lanes::Portable;
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Avx2, Avx512};
use crate::lanes::{Register, Task};

/// The environment variable that forces a level, for tests and measurements.
const VARIABLE: &str = "CARLO_SIMD";

/// An instruction set that the kernel can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// AVX-512 F, BW, DQ and VL.
    Avx512,
    /// AVX2 and FMA.
    Avx2,
    /// The instructions that every machine of this architecture has: NEON on aarch64.
    Portable,
}

/// The reason why a level can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownLevel {
    /// No level has this name.
    #[error("{VARIABLE} must be one of avx512, avx2, portable, not {0:?}")]
    Name(String),
    /// This machine lacks the instructions.
    #[error("{VARIABLE} asks for {}, which this machine doesn't have", .0.as_str())]
    Missing(Level),
}

impl Level {
    const ALL: [Self; 3] = [Self::Avx512, Self::Avx2, Self::Portable];

    /// The levels that this machine has, best first. Never empty: [`Level::Portable`] is last.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|level| level.is_available()).collect()
    }

    /// The level in the environment variable `CARLO_SIMD`, or this machine's best if the variable
    /// is empty or not set.
    ///
    /// # Errors
    ///
    /// If the variable names no level, or one that this machine doesn't have.
    pub fn detect() -> Result<Self, UnknownLevel> {
        match std::env::var_os(VARIABLE).filter(|name| !name.is_empty()) {
            None => Ok(Self::available()[0]),
            Some(name) => {
                let level: Self = name.to_string_lossy().parse()?;
                if level.is_available() { Ok(level) } else { Err(UnknownLevel::Missing(level)) }
            }
        }
    }

    /// The level's name: `avx512`, `avx2`, `portable`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Avx512::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Avx2::detect().is_some(),
            Self::Portable => true,
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// Runs `task` with this level's instructions, or with [`Level::Portable`]'s if the machine
    /// lacks them.
    pub(crate) fn run<T: Task>(self, task: T) -> T::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                if let Some(lanes) = Avx512::detect() {
                    return lanes.run(task);
                }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                if let Some(lanes) = Avx2::detect() {
                    return lanes.run(task);
                }
            }
            _ => {}
        }
        Portable.run(task)
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(name: &str) -> Result<Self, UnknownLevel> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == name)
            .ok_or_else(|| UnknownLevel::Name(name.chars().take(64).collect()))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for level in Level::ALL {
            assert_eq!(level.as_str().parse(), Ok(level));
        }
        let error = "sse9".parse::<Level>().unwrap_err();
        assert!(error.to_string().contains("sse9"), "{error}");
    }

    #[test]
    fn every_machine_has_the_portable_level() {
        assert_eq!(Level::available().last(), Some(&Level::Portable));
    }
}
