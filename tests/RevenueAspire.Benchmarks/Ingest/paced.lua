-- Single events with a pause per connection. Argument: the mean pause in milliseconds; it varies, so connections do not send in step.
wrk.method = "POST"
wrk.headers["Authorization"] = "secret"
wrk.headers["Content-Type"] = "application/json"
local n = 0
local wait = 0
function init(args) wait = tonumber(args[1]) end
function delay() return math.random(math.floor(wait / 2), math.ceil(wait * 3 / 2)) end
request = function()
  n = n + 1
  return wrk.format(nil, "/liveEvent", nil, '{"userId":"user' .. (n % 100000) .. '","name":"add_revenue","value":' .. (n % 1000) .. '}')
end
