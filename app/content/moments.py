"""The next moments at which an announcement or a section of the front page begins or ends."""

from app.lib.pagecache import changes_at

ANNOUNCED = """(SELECT min(at) FROM announcements, unnest(ARRAY[starts_at, ends_at]) AS at
    WHERE is_published AND at > now())"""
SECTIONS = """(SELECT min(at) FROM home_sections,
    unnest(ARRAY[(live->>'starts_at')::timestamptz, (live->>'ends_at')::timestamptz]) AS at WHERE at > now())"""

changes_at("an announcement begins or ends", ANNOUNCED)
changes_at("a section of the front page begins or ends", SECTIONS)
