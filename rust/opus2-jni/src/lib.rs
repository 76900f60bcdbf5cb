//! opus2-jni
