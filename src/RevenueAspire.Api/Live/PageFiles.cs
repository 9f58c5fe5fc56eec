using Microsoft.AspNetCore.StaticFiles;
using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.Live;

/// <summary>The page at <c>/</c> and the reference at <c>/docs</c>: files below wwwroot, nothing from elsewhere.</summary>
internal static class PageFiles
{
    private const string Own = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'";

    private static readonly PathString[] Folders = ["/page", "/docs", "/vendor"];

    /// <summary>Call it behind everything that is for the calls of the API: no other path looks at the disk.</summary>
    public static WebApplication UsePageFiles(this WebApplication app)
    {
        app.UseWhen(context => IsPage(context.Request.Path) && IsAsSent(context), files =>
        {
            files.UseDefaultFiles();
            files.UseStaticFiles(new StaticFileOptions { OnPrepareResponse = Protect });
        });
        return app;
    }

    private static bool IsPage(PathString path) => path == "/" || Array.Exists(Folders, folder => path.StartsWithSegments(folder, StringComparison.Ordinal));

    /// <summary>GET /userEvents/.. arrives as a request for / here: a request for the user named .. must not get the page.</summary>
    private static bool IsAsSent(HttpContext context) => RawTarget.PathOf(context).SequenceEqual(context.Request.Path.Value);

    private static void Protect(StaticFileResponseContext file)
    {
        var headers = file.Context.Response.Headers;
        headers.ContentSecurityPolicy = Own;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";

        // The browser revalidates each time by the ETag, so an upgrade never shows a mixture of two versions.
        headers.CacheControl = "no-cache";
    }
}
