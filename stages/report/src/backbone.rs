//! What backbones are called, and under which name the paper's tables have them.
//!
//! It does not know networks.

/// A family of networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Backbone {
    /// For people, such as `ResNet`.
    pub(crate) title: String,
    /// Beginning of its columns in the paper's tables, such as `resnet`.
    pub(crate) column: String,
}

const FAMILIES: [(&str, &str); 4] =
    [("resnet", "ResNet"), ("vit", "ViT"), ("mobilenet", "MobileNet"), ("efficientnet", "EfficientNet")];

/// The family of a network by its name, such as `resnet-numvqa`; an unknown name stands for itself.
pub(crate) fn of(network: &str) -> Backbone {
    let family = FAMILIES.iter().find(|(start, _)| network.starts_with(start));
    match family {
        Some((column, title)) => Backbone { title: (*title).into(), column: (*column).into() },
        None => Backbone { title: network.into(), column: network.into() },
    }
}
