use crate::reference::polar;

use super::{Axes, COS, LAST_OCTAVE, LOG, OCTAVE, SIN};

/// The two normals of a radius and an angle.
fn normals(radius: u32, angle: u32) -> [f32; 2] {
    let polar = polar(&Axes::UNIT, radius, angle);
    polar.direction.map(|part| polar.square.sqrt() * part)
}

fn polynomial(coefficients: &[f32], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, &coefficient| sum * x + f64::from(coefficient))
}

#[test]
fn all_octaves_of_a_radius_are_exact() {
    assert_eq!(f64::from(LAST_OCTAVE * OCTAVE), f64::from(LAST_OCTAVE) * f64::from(OCTAVE));
}

#[test]
fn polynomials_are_as_close_as_their_fit() {
    for i in 1..100_000 {
        let x = f64::from(i) / 100_000.0;
        // The radius within the first octave: t·Q(t) = r².
        let found = (x * polynomial(&LOG, x)).sqrt();
        let expected = (-2.0 * (1.0 - x / 2.0).ln()).sqrt();
        assert!((found - expected).abs() < 2.3e-6, "radius at {x}: {found} for {expected}");
        let (sin, cos) = (x * std::f64::consts::FRAC_PI_2).sin_cos();
        assert!((x * polynomial(&SIN, x * x) - sin).abs() < 6.5e-7, "sine at {x}");
        assert!((polynomial(&COS, x * x) - cos).abs() < 1.1e-7, "cosine at {x}");
    }
}

#[test]
fn a_radius_is_a_number_for_every_integer() {
    // Those whose radii are the smallest and the largest, and a sweep through the others.
    let smallest = (1 << 28) - (1 << 16)..1 << 28;
    let sweep = (0..1 << 28).step_by(997);
    for radius in smallest.chain(0..1 << 16).chain(sweep) {
        for angle in [0x1_2345, 0x9_2345] {
            let pair = normals(radius, angle);
            assert!(pair.iter().all(|z| z.is_finite() && z.abs() < 6.35), "{radius:#x}");
        }
    }
}

#[test]
fn the_moments_are_those_of_two_independent_normals() {
    // A grid over both words: the moments of the transformation itself, without sampling error.
    const STEPS: u32 = 2048;
    let middle = |i: u32| ((1 << 28) / STEPS) * i + (1 << 27) / STEPS;
    let angle = |i: u32| ((1 << 20) / STEPS) * i;
    let n = f64::from(STEPS).powi(2);
    let mut sums = [0.0; 6];
    for i in 0..STEPS {
        for j in 0..STEPS {
            let [a, b] = normals(middle(i), angle(j)).map(f64::from);
            let terms = [a, b, a * a, b * b, a * b, a * a * b * b];
            sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term / n);
        }
    }
    for (sum, expected) in sums.into_iter().zip([0.0, 0.0, 1.0, 1.0, 0.0, 1.0]) {
        assert!((sum - expected).abs() < 5e-3, "{sums:?}");
    }
}
