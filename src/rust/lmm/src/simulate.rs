//! Random numbers: one stream per replicate, the same whatever the number of threads.
//!
//! Replicate i of a seed draws from a PCG generator (XSL RR 128/64; O'Neill 2014) whose state and
//! stream come from SplitMix64 (Steele, Lea and Flood 2014) started at the seed and i. Normal
//! numbers are the inverse distribution function at uniforms with 53 bits.

use rand_pcg::rand_core::RngCore;
use rand_pcg::Lcg128Xsl64;
use statrs::distribution::{ContinuousCDF, Normal};

/// The random numbers of one replicate.
pub struct Stream {
    generator: Lcg128Xsl64,
    normal: Normal,
}

impl Stream {
    /// The stream of `replicate` under `seed`.
    pub fn new(seed: u64, replicate: u64) -> Stream {
        let mut state = seed ^ replicate.wrapping_mul(0xD1B5_4A32_D192_ED03);
        let mut word = || u128::from(split_mix(&mut state));
        let start = (word() << 64) | word();
        let stream = (word() << 64) | word();
        Stream {
            generator: Lcg128Xsl64::new(start, stream),
            normal: Normal::standard(),
        }
    }

    /// Uniform on (0, 1).
    pub fn uniform(&mut self) -> f64 {
        ((self.generator.next_u64() >> 11) as f64 + 0.5) * 2f64.powi(-53)
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        let u = self.uniform();
        self.normal.inverse_cdf(u)
    }

    /// Uniform on 0, ..., n - 1.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.uniform() * n as f64) as usize).min(n.saturating_sub(1))
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_reproducible_and_streams_differ() {
        let draw = |r| {
            let mut s = Stream::new(7, r);
            (0..5).map(|_| s.normal()).collect::<Vec<f64>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let mut s = Stream::new(1, 0);
        let x: Vec<f64> = (0..100_000).map(|_| s.normal()).collect();
        let mean = x.iter().sum::<f64>() / 1e5;
        let variance = x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / 1e5;
        assert!(
            mean.abs() < 0.015 && (variance - 1.0).abs() < 0.02,
            "{mean} {variance}"
        );
    }
}
