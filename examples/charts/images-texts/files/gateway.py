import json

# c.Gateway.image = "registry.example.com/not/taken:1"
settings = json.loads("""{"backend": {"image": {"name": "registry.example.com/team/gateway", "tag": "0.9"}}}""")
c.Gateway.image = "team/worker:0.9"
