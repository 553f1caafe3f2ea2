//! Words of the contract that lists are filtered by.

/// A state, by the word that it has in JSON and in a list's parameter.
pub trait Word: Copy + 'static {
    /// Every one, in the order of a life.
    const ALL: &'static [Self];

    /// Its word.
    fn word(self) -> &'static str;

    /// The one of this word.
    fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.word() == word)
    }
}
