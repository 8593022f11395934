//! Digests that answers are compared by: short, and changed by any value that is wrong or in the wrong place.

/// SplitMix64's finaliser (Steele, Lea and Flood, 2014), a bijection: what is near before is far apart after, so that errors in two
/// values cannot cancel in a sum.
pub(crate) fn scatter(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A digest of `values` in this order.
pub(crate) fn in_order(values: impl IntoIterator<Item = u32>) -> u64 {
    let scattered = |(index, value)| scatter(scatter(u64::from(value)).wrapping_add(index));
    (0..).zip(values).map(scattered).fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_wrong_lost_doubled_or_misplaced_is_noticed() {
        let right = in_order([3, 1, 2]);
        for wrong in [&[3, 1, 3][..], &[3, 1], &[3, 1, 2, 2], &[1, 3, 2], &[3, 2, 1], &[4, 0, 2], &[3, 1, 2, 0]] {
            assert_ne!(in_order(wrong.iter().copied()), right, "{wrong:?}");
        }
    }

    #[test]
    fn the_digest_is_what_it_always_was() {
        // A child in another language computes it as well: these must not change.
        assert_eq!(scatter(1), 0x5692_161d_100b_05e5);
        assert_eq!(in_order([3, 1, 2]), 0x5813_9c2a_085f_7069);
    }
}
