//! stub
pub struct NewModelInput; pub struct NewModelOutput; pub fn new_model() {}
