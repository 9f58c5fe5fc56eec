using System.Runtime.Versioning;

// The tests that need Unix (modes, signals, shell scripts) skip themselves on Windows, which the analyzer cannot see.
[assembly: UnsupportedOSPlatform("windows")]
