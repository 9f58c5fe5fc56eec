-- Batches of 1000 lines of a file, each with a different key, as the client sends them. Arguments: the file, and a text that is unique per run.
local heads, bodies, i = {}, {}, 0
local run

function init(args)
  run = args[2]
  local lines, n = {}, 0
  for line in io.lines(args[1]) do
    n = n + 1
    lines[n] = line
    if n == 1000 then
      lines[n + 1] = ""
      bodies[#bodies + 1] = table.concat(lines, "\n")
      lines, n = {}, 0
      if #bodies == 500 then break end
    end
  end
end

function request()
  i = i + 1
  local body = bodies[(i - 1) % #bodies + 1]
  return "POST /liveEvents?listed=1000 HTTP/1.1\r\nHost: api\r\nAuthorization: secret\r\nContent-Type: application/jsonl\r\nIdempotency-Key: "
    .. run .. "-" .. i .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end
