-- Single events, each different. Argument: the Authorization header.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
function init(args) wrk.headers["Authorization"] = args[1] end
local n = 0
request = function()
  n = n + 1
  return wrk.format(nil, "/liveEvent", nil, '{"userId":"user' .. (n % 100000) .. '","name":"add_revenue","value":' .. (n % 1000) .. '}')
end
