//! What the modular system of one release does differently from another's.
//!
//! Each rule names the release that brought it. It was found by converting the files that the
//! releases ship, from 5.0 on: the written files of a release are the authority for that release.

/// A release of transformers: major and minor number.
pub(crate) type Release = (u32, u32);

/// The rules of one release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each rule holds or does not, by itself")]
pub(crate) struct Rules {
    /// Image processors on torch stand in `image_processing_x_fast.py`.
    pub fast_image_processors: bool,
    /// Names of other libraries that contain a model's name, `mamba_ssm` for one, are not renamed.
    pub keeps_library_names: bool,
    /// Feature extractors import torch under a guard.
    pub guards_feature_extraction: bool,
    /// `XVideoProcessorKwargs` belongs to the video processing file, not to the processing file.
    pub video_kwargs_with_video: bool,
    /// `@deprecate_kwarg` on a method joins the decorators of the parent's method.
    pub adds_deprecations: bool,
    /// A module's `__getattr__ = ...` is written, and split among the files.
    pub writes_getattr: bool,
}

impl Rules {
    /// The rules of `release`; those of the newest that is known where it does not say.
    pub(crate) fn of(release: Option<Release>) -> Self {
        let since = |first: Release| release.is_none_or(|release| release >= first);
        Self {
            fast_image_processors: !since((5, 4)),
            keeps_library_names: since((5, 15)),
            guards_feature_extraction: since((5, 15)),
            video_kwargs_with_video: since((5, 18)),
            adds_deprecations: since((5, 23)),
            writes_getattr: since((5, 23)),
        }
    }
}
