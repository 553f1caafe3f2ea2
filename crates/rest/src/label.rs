//! The contract's labels of states and roles, by which lists are filtered, too.

/// A state or role with the label that it has in JSON and in a list's parameter.
pub trait Label: Copy + 'static {
    /// All of them, in the order of a life.
    const ALL: &'static [Self];

    /// Its label.
    fn label(self) -> &'static str;

    /// The one with this label.
    fn from_label(label: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|item| item.label() == label)
    }
}
