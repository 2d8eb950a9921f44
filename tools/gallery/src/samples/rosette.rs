use std::fmt::Write as _;

const PETALS: u16 = 36;

/// Turned ellipses, drawn by the browser.
pub fn svg() -> Vec<u8> {
    let mut petals = String::new();
    for petal in 0..PETALS {
        let turn = petal * 360 / PETALS;
        // Writing to a string cannot fail.
        let _ = writeln!(
            petals,
            r#"    <ellipse cx="0" cy="-105" rx="42" ry="100" transform="rotate({turn})" stroke="hsl({turn} 85% 62%)"/>"#
        );
    }
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="-240 -240 480 480" width="720" height="720">
  <title>Rosette</title>
  <defs>
    <radialGradient id="night">
      <stop offset="0" stop-color="#2b2350"/>
      <stop offset="1" stop-color="#0b0a1a"/>
    </radialGradient>
  </defs>
  <rect x="-240" y="-240" width="480" height="480" fill="url(#night)"/>
  <g fill="none" stroke-width="1.4" stroke-opacity="0.85">
{petals}  </g>
  <circle r="9" fill="#ffe9b0"/>
</svg>
"##
    )
    .into_bytes()
}
