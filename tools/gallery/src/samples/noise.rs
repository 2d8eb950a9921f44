//! Value noise: random at whole numbers, smooth between them, the same at every run.

/// Noise from 0 to 1.
pub fn smooth(x: f32, y: f32) -> f32 {
    let (column, row) = (x.floor(), y.floor());
    let (right, down) = (ease(x - column), ease(y - row));
    let top = lerp(at(column, row), at(column + 1.0, row), right);
    let bottom = lerp(at(column, row + 1.0), at(column + 1.0, row + 1.0), right);
    lerp(top, bottom, down)
}

/// Noise from 0 to 1 with detail at `octaves` scales, each half the one before in size and weight.
pub fn layered(x: f32, y: f32, octaves: u8) -> f32 {
    let (mut sum, mut total, mut weight, mut scale) = (0.0, 0.0, 1.0, 1.0);
    for _ in 0..octaves {
        sum += weight * smooth(x * scale, y * scale);
        total += weight;
        weight *= 0.5;
        // Not quite 2, so that the grids of the octaves do not fall on each other.
        scale *= 2.03;
    }
    sum / total
}

/// Unrelated noise for every pixel, from -1 to 1: the grain of a sensor.
pub fn grain(x: u16, y: u16) -> f32 {
    2.0 * at(f32::from(x) + 0.5, f32::from(y)) - 1.0
}

fn lerp(from: f32, to: f32, amount: f32) -> f32 {
    from + (to - from) * amount
}

fn ease(amount: f32) -> f32 {
    amount * amount * (3.0 - 2.0 * amount)
}

// An integer hash (the finaliser of MurmurHash3) of the two coordinates' bits.
#[allow(clippy::cast_precision_loss, reason = "24 bits fit an f32")]
fn at(x: f32, y: f32) -> f32 {
    let mut hash = x.to_bits().wrapping_mul(0x9e37_79b1) ^ y.to_bits().rotate_left(15);
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^= hash >> 16;
    (hash >> 8) as f32 / (1 << 24) as f32
}
