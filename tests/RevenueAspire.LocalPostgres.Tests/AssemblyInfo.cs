using System.Runtime.Versioning;

// Tests that need Unix (modes, signals, shell scripts) are skipped on Windows, but the analyzer cannot detect that.
[assembly: UnsupportedOSPlatform("windows")]
