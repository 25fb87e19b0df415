"""The one line a server imports."""

from app.factory import create_app

application = create_app()
