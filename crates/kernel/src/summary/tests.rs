use super::*;

#[test]
fn wilson_is_the_published_interval() {
    // 15 of 148 (R. G. Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I).
    let [low, high] = wilson(15, 148);
    assert!((low - 0.0624).abs() < 5e-5 && (high - 0.1605).abs() < 5e-5, "{low} {high}");
    let [low, high] = wilson(0, 20);
    assert!(low == 0.0 && (high - 0.1611).abs() < 5e-5, "{low} {high}");
    assert_eq!(wilson(29, 29)[1], 1.0);
    assert_eq!(wilson(0, 0), [0.0, 1.0]);
}
