"""Tag music as it arrives."""
