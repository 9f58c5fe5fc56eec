namespace RevenueAspire.Events;

/// <summary>Texts of <see cref="RejectReason"/> for people: one sentence that names the field.</summary>
public static class RejectReasons
{
    /// <summary>For example <c>value: must be an integer without fraction or exponent</c>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a reason, or <see cref="RejectReason.None"/>.</exception>
    public static string Describe(this RejectReason reason) => reason switch
    {
        RejectReason.InvalidJson => "line: must be one complete JSON object, and is not valid JSON",
        RejectReason.InvalidUtf8 => "line: must be UTF-8, and holds bytes that are not",
        RejectReason.NotAnObject => "line: must be a JSON object in braces, not another kind of JSON value",
        RejectReason.TooDeep => "line: must not nest objects and arrays deeper than 64 levels",
        RejectReason.TooLong => "line: is longer than the limit for one event",
        RejectReason.UserIdMissing => "userId: is missing",
        RejectReason.UserIdNotAString => "userId: must be a string in quotes",
        RejectReason.UserIdEmpty => "userId: must not be empty",
        RejectReason.UserIdTooLong => "userId: must be at most 256 bytes of UTF-8",
        RejectReason.UserIdHasNul => "userId: must not contain the character U+0000",
        RejectReason.UserIdHasLoneSurrogate => "userId: must not contain one half of a surrogate pair without the other",
        RejectReason.UserIdDuplicate => "userId: must stand only once",
        RejectReason.NameMissing => "name: is missing",
        RejectReason.NameNotAString => "name: must be a string in quotes",
        RejectReason.NameUnknown => "name: is not the name of a configured event type (by default add_revenue and subtract_revenue)",
        RejectReason.NameDuplicate => "name: must stand only once",
        RejectReason.ValueMissing => "value: is missing",
        RejectReason.ValueNotAnInteger => "value: must be an integer without fraction or exponent",
        RejectReason.ValueOutOfRange => "value: must be from -9223372036854775808 to 9223372036854775807",
        RejectReason.ValueDuplicate => "value: must stand only once",
        RejectReason.Damaged => "line: its bytes in the log are damaged or missing",
        RejectReason.Unfinished => "line: has no newline and is not a valid event, so that it may still be completed",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "Not a reason to reject a line."),
    };

    /// <summary><c>userId</c>, <c>name</c>, <c>value</c>, or null where the line as a whole is at fault (and for <see cref="RejectReason.None"/>).</summary>
    public static string? Field(this RejectReason reason) => reason switch
    {
        RejectReason.UserIdMissing or RejectReason.UserIdNotAString or RejectReason.UserIdEmpty or RejectReason.UserIdTooLong or RejectReason.UserIdHasNul
            or RejectReason.UserIdHasLoneSurrogate or RejectReason.UserIdDuplicate => "userId",
        RejectReason.NameMissing or RejectReason.NameNotAString or RejectReason.NameUnknown or RejectReason.NameDuplicate => "name",
        RejectReason.ValueMissing or RejectReason.ValueNotAnInteger or RejectReason.ValueOutOfRange or RejectReason.ValueDuplicate => "value",
        _ => null,
    };
}
