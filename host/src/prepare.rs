//! Makes destinations ready through the repo-type plugin before the first push.
