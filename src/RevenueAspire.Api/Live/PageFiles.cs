using Microsoft.AspNetCore.StaticFiles;
using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.Live;

/// <summary>The page at <c>/</c> and the reference at <c>/docs</c>: files below wwwroot.</summary>
internal static class PageFiles
{
    private const string Own = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'";

    private static readonly PathString[] Folders = ["/page", "/docs", "/vendor"];

    /// <summary>Call it after the setup of access and errors. Other paths than those of pages cause no disk access.</summary>
    public static void UsePageFiles(this WebApplication app)
    {
        app.UseWhen(context => IsPage(context.Request.Path) && IsAsSent(context), files =>
        {
            files.UseDefaultFiles();
            files.UseStaticFiles(new StaticFileOptions { OnPrepareResponse = Protect });
        });
    }

    private static bool IsPage(PathString path) => path == "/" || Array.Exists(Folders, folder => path.StartsWithSegments(folder, StringComparison.Ordinal));

    /// <summary>The server resolves GET /userEvents/.. to /, but a request for a user named .. must not get the page.</summary>
    private static bool IsAsSent(HttpContext context) => RawTarget.PathOf(context).SequenceEqual(context.Request.Path.Value);

    private static void Protect(StaticFileResponseContext file)
    {
        var headers = file.Context.Response.Headers;
        headers.ContentSecurityPolicy = Own;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";

        // The browser revalidates each file by its ETag, so an upgrade never shows a mixture of two versions.
        headers.CacheControl = "no-cache";
    }
}
