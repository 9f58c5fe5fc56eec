namespace RevenueAspire.Events;

/// <summary>Why a line is not an event. The numbers are stored nowhere; texts come from <see cref="RejectReasons"/>.</summary>
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

    /// <summary>The line's bytes fail the segment's checksum, or lie in a gap of the log.</summary>
    Damaged,

    /// <summary>A last line without newline that is not a valid event: it may still be completed.</summary>
    Unfinished,
}
