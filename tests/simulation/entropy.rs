//! Replaces the randomness and time that libraries take from the machine themselves with constants,
//! so that a process that runs a seed always behaves the same. carlo's own randomness and time come
//! from the world instead.
//!
//! * Randomness: the order of hash maps, and the branch that `select!` polls first. Both derive
//!   from the standard library's seeds, which come from the C library's `getrandom`.
//! * The calendar: an HTTP response contains the date. Its digits affect the compressed length, and
//!   thus the network's timing. It comes from `clock_gettime`.

use std::ffi::{c_int, c_long};

/// The number of the calendar clock in the system's interface.
const CLOCK_REALTIME: c_int = 0;
/// The system call for the other clocks.
#[cfg(target_arch = "x86_64")]
const SYS_CLOCK_GETTIME: c_long = 228;
#[cfg(not(target_arch = "x86_64"))]
const SYS_CLOCK_GETTIME: c_long = 113;
/// The calendar of every process: 2026-01-01.
const CALENDAR_SECONDS: i64 = 1_767_225_600;

/// The C library's `timespec`.
#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

#[expect(unsafe_code, reason = "what isn't replaced is asked of the system")]
unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
}

/// Returns the time of `clock`. The calendar clock stands still.
///
/// # Safety
///
/// As for `clock_gettime(2)`: `time` must be valid for a write.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[expect(unsafe_code, reason = "a symbol of the C library can be replaced in no other way")]
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    if clock == CLOCK_REALTIME {
        // SAFETY: the caller promises that `time` may be written.
        unsafe { time.write(Timespec { seconds: CALENDAR_SECONDS, nanoseconds: 0 }) };
        return 0;
    }
    // SAFETY: this is the call that the C library would make, with the caller's arguments.
    let answer = unsafe { syscall(SYS_CLOCK_GETTIME, c_long::from(clock), time) };
    c_int::try_from(answer).expect("0 or -1")
}

/// Fills `buffer` with the same bytes on every call.
///
/// # Safety
///
/// As for `getrandom(2)`: `buffer` must be valid for writes of `length` bytes.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a symbol of the C library can be replaced in no other way")]
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    // SAFETY: the caller promises that the buffer is that long.
    unsafe { buffer.write_bytes(0x5c, length) };
    isize::try_from(length).expect("a buffer is no larger than the address space")
}
