namespace RevenueAspire.Events;

/// <summary>Why a line is not an event. The numbers are never stored; <see cref="RejectReasons"/> has the texts.</summary>
public enum RejectReason
{
    None,
    InvalidJson,
    InvalidUtf8,
    NotAnObject,
    TooDeep,
    TooLong,
    UserIdMissing,
    UserIdNotAString,
    UserIdEmpty,
    UserIdTooLong,
    UserIdHasNul,
    UserIdHasLoneSurrogate,
    UserIdDuplicate,
    NameMissing,
    NameNotAString,
    NameUnknown,
    NameDuplicate,
    ValueMissing,
    ValueNotAnInteger,
    ValueOutOfRange,
    ValueDuplicate,

    /// <summary>The line's bytes do not match the segment's checksum, or are in a gap of the log.</summary>
    Damaged,

    /// <summary>The last line has no newline and is not a valid event; it may still be completed.</summary>
    Unfinished,
}
