//! FNV-1a, 64 bits: a hash that is the same on every platform and in every version, which `std`'s hashers do not promise.
//! <http://www.isthe.com/chongo/tech/comp/fnv/>

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// The hash of some texts; where one ends and the next begins counts.
pub fn hash(texts: &[&str]) -> u64 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        // FNV-1a of "a" is af63dc4c8601ec8c; then comes the byte that ends the text, a zero.
        assert_eq!(hash(&["a"]), 0xaf63_dc4c_8601_ec8c_u64.wrapping_mul(PRIME));
        assert_ne!(hash(&["a", "b"]), hash(&["ab", ""]));
    }
}
