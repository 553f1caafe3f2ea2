//! A tile: the registers of simulations that a step of the pipelines computes together.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

/// The number of registers in a tile.
pub(crate) const REGISTERS: usize = 8;

/// One value for each register of a tile.
#[derive(Clone, Copy)]
pub(crate) struct Tile<T>([T; REGISTERS]);

impl<T: Copy> Tile<T> {
    /// The same value for each register.
    #[inline(always)]
    pub(crate) fn filled(x: T) -> Self {
        Self([x; REGISTERS])
    }

    /// The values that `f` makes of each register's place and value.
    #[inline(always)]
    pub(crate) fn map(mut self, mut f: impl FnMut(usize, T) -> T) -> Self {
        for (register, x) in self.0.iter_mut().enumerate() {
            *x = f(register, *x);
        }
        self
    }
}

impl<T> std::ops::Deref for Tile<T> {
    type Target = [T; REGISTERS];

    #[inline(always)]
    fn deref(&self) -> &[T; REGISTERS] {
        &self.0
    }
}

impl<T> std::ops::DerefMut for Tile<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T; REGISTERS] {
        &mut self.0
    }
}
