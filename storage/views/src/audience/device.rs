//! The class of a device, as far as its platform says it.

/// Platforms of what is carried. Tablets say the same as phones.
const MOBILE: [&str; 4] = ["android", "ios", "ipados", "iphone os"];
/// Platforms of what stands on a desk or a lap.
const COMPUTER: [&str; 8] = ["chrome os", "chromeos", "linux", "mac os", "mac os x", "macos", "ubuntu", "windows"];

/// Returns the class of device that a platform stands for: `mobile` or `computer`; `other` when it says neither (a browser's
/// name, a code, a crawler); nothing when there is no platform. Versions behind the name and its case do not matter.
pub fn device_of(platform: &str) -> &'static str {
    let is = |name: &&str| {
        let (head, tail) = platform.split_at_checked(name.len()).unwrap_or(("", ""));
        // "Windows 11" and "macOS" are, "windowsill" is not.
        head.eq_ignore_ascii_case(name) && !tail.starts_with(|next: char| next.is_ascii_alphabetic())
    };
    match platform {
        "" => "",
        _ if MOBILE.iter().any(is) => "mobile",
        _ if COMPUTER.iter().any(is) => "computer",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_have_classes() {
        for (platform, class) in [
            ("iOS", "mobile"),
            ("ipados", "mobile"),
            ("Android 15", "mobile"),
            ("Windows", "computer"),
            ("mac os x", "computer"),
            ("macOS", "computer"),
            ("Linux", "computer"),
            ("firefox", "other"),
            ("os-13", "other"),
            ("windowsill", "other"),
            ("", ""),
        ] {
            assert_eq!(device_of(platform), class, "{platform}");
        }
    }
}
