"""What Redis does in one step for the run log: Lua scripts, each with its keys and arguments; the keys are redis_store's."""

# KEYS: run, the worker's runs, perhaps a key. ARGV: info, worker, run id, seconds to keep, fingerprint, the prefix of runs.
CREATE = """
if KEYS[3] then
  local held = redis.call('TYPE', KEYS[3]).ok == 'string' and redis.call('GET', KEYS[3])
  local space = held and string.find(held, ' ', 1, true)
  if space then
    local owner = string.sub(held, space + 1)
    if redis.call('EXISTS', ARGV[6] .. owner) == 1 then
      return {string.sub(held, 1, space - 1) == ARGV[5] and 'joined' or 'conflict', owner}
    end
  end
  redis.call('SET', KEYS[3], ARGV[5] .. ' ' .. ARGV[3], 'EX', ARGV[4])
end
redis.call('HSET', KEYS[1], 'info', ARGV[1], 'owner', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('SADD', KEYS[2], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return {'created', ARGV[3]}
"""

# KEYS: run, stream, the worker's runs, perhaps a key. ARGV: info, worker, run id, seconds to keep, the last entry's id or '',
# entries, the time when it finished or '', fingerprint.
REWRITE = """
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner and owner ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'info', ARGV[1], 'owner', ARGV[2])
if ARGV[5] ~= '' then redis.call('XADD', KEYS[2], ARGV[5], 'e', ARGV[6]) end
if ARGV[7] == '' then
  redis.call('SADD', KEYS[3], ARGV[3])
  redis.call('EXPIRE', KEYS[3], ARGV[4])
else
  redis.call('HSET', KEYS[1], 'finished', '1', 'updated', ARGV[7])
  redis.call('SREM', KEYS[3], ARGV[3])
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])
if KEYS[4] then redis.call('SET', KEYS[4], ARGV[8] .. ' ' .. ARGV[3], 'NX', 'EX', ARGV[4]) end
return 1
"""

# KEYS: stream, run, the new worker's runs. ARGV: the last id that was seen, new id, entries, worker, run id, seconds to keep,
# the time when it finished or '', info, the prefix of workers. A worker that lives keeps its runs.
ADOPT = """
local owner = redis.call('HGET', KEYS[2], 'owner')
if owner and owner ~= ARGV[4] and redis.call('EXISTS', ARGV[9] .. owner) == 1 then return 0 end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if (last[1] and last[1][1] or '') ~= ARGV[1] or redis.call('HEXISTS', KEYS[2], 'finished') == 1 then return 0 end
if redis.call('HEXISTS', KEYS[2], 'info') == 0 then return 0 end
redis.call('XADD', KEYS[1], ARGV[2], 'e', ARGV[3])
redis.call('HSET', KEYS[2], 'owner', ARGV[4])
if ARGV[7] == '' then
  redis.call('SADD', KEYS[3], ARGV[5])
  redis.call('EXPIRE', KEYS[3], ARGV[6])
else redis.call('HSET', KEYS[2], 'finished', '1', 'updated', ARGV[7], 'info', ARGV[8]) end
redis.call('EXPIRE', KEYS[1], ARGV[6])
redis.call('EXPIRE', KEYS[2], ARGV[6])
return 1
"""

# KEYS: run. Returns its worker.
CANCEL = """
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner then redis.call('HSET', KEYS[1], 'cancel', '1') end
return owner
"""

# KEYS: the caller's places. ARGV: worker, more, the bound or 0, the true number where it is in doubt or '', seconds to keep, the
# prefix of workers. Returns 1, or 0 where the places of all living workers would be more than the bound.
OCCUPY = """
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
local all, held = 0, redis.call('HGETALL', KEYS[1])
local mine = tonumber(ARGV[2])
for at = 1, #held, 2 do
  if held[at] == ARGV[1] then mine = mine + (tonumber(held[at + 1]) or 0)
  elseif redis.call('EXISTS', ARGV[6] .. held[at]) == 1 then all = all + (tonumber(held[at + 1]) or 0)
  else redis.call('HDEL', KEYS[1], held[at]) end
end
if ARGV[4] ~= '' then mine = tonumber(ARGV[4]) end
if tonumber(ARGV[3]) > 0 and all + mine > tonumber(ARGV[3]) then return 0 end
if mine > 0 then redis.call('HSET', KEYS[1], ARGV[1], mine) else redis.call('HDEL', KEYS[1], ARGV[1]) end
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1
"""
