//! Amounts of money: dollars in JSON, whole nanodollars inside the cluster.

/// Nanodollars in a dollar.
const NANODOLLARS: f64 = 1e9;

/// An amount in dollars.
pub fn dollars(nanodollars: u64) -> f64 {
    nanodollars as f64 / NANODOLLARS
}

/// An amount in nanodollars, rounded to the nearest. `dollars` is 0 to 10^10.
pub fn nanodollars(dollars: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 10^19 by the contract above, and the cast saturates"
    )]
    let nanodollars = (dollars * NANODOLLARS).round() as u64;
    nanodollars
}
