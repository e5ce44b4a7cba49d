"""What people see in a browser: NiceGUI pages over the same use cases as the API's."""
