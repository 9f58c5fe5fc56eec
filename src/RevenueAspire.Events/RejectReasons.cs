namespace RevenueAspire.Events;

/// <summary>Texts of <see cref="RejectReason"/> for people: one clause that names the field.</summary>
public static class RejectReasons
{
    /// <summary>Describes a reason, for example <c>value: must be an integer without fraction or exponent</c>.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><see cref="RejectReason.None"/>, or an undefined value.</exception>
    public static string Describe(this RejectReason reason) => reason switch
    {
        RejectReason.InvalidJson => "line: is not one complete JSON object",
        RejectReason.InvalidUtf8 => "line: must be UTF-8, but contains invalid bytes",
        RejectReason.NotAnObject => "line: must be a JSON object in braces, not another kind of JSON value",
        RejectReason.TooDeep => "line: must not nest objects and arrays deeper than 64 levels",
        RejectReason.TooLong => "line: is longer than the limit for one event",
        RejectReason.UserIdMissing => "userId: is missing",
        RejectReason.UserIdNotAString => "userId: must be a string in quotes",
        RejectReason.UserIdEmpty => "userId: must not be empty",
        RejectReason.UserIdTooLong => "userId: must be at most 256 bytes of UTF-8",
        RejectReason.UserIdHasNul => "userId: must not contain the character U+0000",
        RejectReason.UserIdHasLoneSurrogate => "userId: must not contain an unpaired surrogate",
        RejectReason.UserIdDuplicate => "userId: must occur only once",
        RejectReason.NameMissing => "name: is missing",
        RejectReason.NameNotAString => "name: must be a string in quotes",
        RejectReason.NameUnknown => "name: is not the name of a configured event type (by default add_revenue and subtract_revenue)",
        RejectReason.NameDuplicate => "name: must occur only once",
        RejectReason.ValueMissing => "value: is missing",
        RejectReason.ValueNotAnInteger => "value: must be an integer without fraction or exponent",
        RejectReason.ValueOutOfRange => "value: must be from -9223372036854775808 to 9223372036854775807",
        RejectReason.ValueDuplicate => "value: must occur only once",
        RejectReason.Damaged => "line: its bytes in the log are damaged or missing",
        RejectReason.Unfinished => "line: has no newline and is not a valid event; it may still be completed",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "Not a reason to reject a line."),
    };

    /// <summary><c>userId</c>, <c>name</c> or <c>value</c>; null if the whole line is at fault, and for <see cref="RejectReason.None"/>.</summary>
    public static string? Field(this RejectReason reason) => reason switch
    {
        RejectReason.UserIdMissing or RejectReason.UserIdNotAString or RejectReason.UserIdEmpty or RejectReason.UserIdTooLong or RejectReason.UserIdHasNul
            or RejectReason.UserIdHasLoneSurrogate or RejectReason.UserIdDuplicate => "userId",
        RejectReason.NameMissing or RejectReason.NameNotAString or RejectReason.NameUnknown or RejectReason.NameDuplicate => "name",
        RejectReason.ValueMissing or RejectReason.ValueNotAnInteger or RejectReason.ValueOutOfRange or RejectReason.ValueDuplicate => "value",
        _ => null,
    };
}
