-- Single events, each another one.
wrk.method = "POST"
wrk.headers["Authorization"] = "secret"
wrk.headers["Content-Type"] = "application/json"
local n = 0
request = function()
  n = n + 1
  return wrk.format(nil, "/liveEvent", nil, '{"userId":"user' .. (n % 100000) .. '","name":"add_revenue","value":' .. (n % 1000) .. '}')
end
