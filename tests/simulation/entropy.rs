//! The randomness that libraries draw by themselves: the order of hash maps, and which branch `select!` looks at first. Both come from the
//! standard library's seeds, and those from the C library's `getrandom`, which this program replaces with one that always gives the
//! same. So a process that runs one seed does the same each time. What carlo draws itself comes from the world's streams instead.

/// Fills `buffer` with the same bytes at each call.
///
/// # Safety
///
/// As `getrandom(2)`: `buffer` is valid for writes of `length` bytes.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a symbol of the C library can be replaced in no other way")]
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    // SAFETY: the caller promises that the buffer is that long.
    unsafe { buffer.write_bytes(0x5c, length) };
    isize::try_from(length).expect("a buffer is no larger than the address space")
}
