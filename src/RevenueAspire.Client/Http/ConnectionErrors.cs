using System.Net.Sockets;

namespace RevenueAspire.Client.Http;

/// <summary>Says in a few words what went wrong with a connection.</summary>
internal static class ConnectionErrors
{
    public static string Describe(Exception exception)
    {
        for (var inner = exception; inner is not null; inner = inner.InnerException)
        {
            if (inner is SocketException socket)
            {
                return socket.SocketErrorCode switch
                {
                    SocketError.ConnectionRefused => "connection refused",
                    SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData => "unknown host",
                    SocketError.ConnectionReset => "the connection was cut",
                    _ => socket.Message,
                };
            }
        }

        return exception is HttpRequestException { HttpRequestError: HttpRequestError.ResponseEnded } or IOException ? "the connection was cut" : exception.Message;
    }
}
